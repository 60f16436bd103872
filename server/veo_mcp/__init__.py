"""MCP server for Veo 3.1 Fast text-to-video through the AI/ML API."""

__version__ = "0.1.0"
