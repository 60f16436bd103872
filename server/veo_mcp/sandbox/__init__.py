"""A stand-in for the AI/ML API's video endpoints that renders real mp4s; it imports nothing of the rest."""
