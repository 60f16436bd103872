"""Places: one file each. A file declares `PART`, a `Scene`; its name is all the registration there is."""
