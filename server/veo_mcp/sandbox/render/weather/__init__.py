"""What is in the air: one file each. A file declares `PART`, a `Weather`."""
