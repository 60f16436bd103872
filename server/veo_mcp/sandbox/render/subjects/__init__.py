"""Who or what is in the picture: one file each. A file declares `PART`, a `Subject`."""
