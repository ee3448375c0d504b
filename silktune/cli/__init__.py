"""The commands, one file each, each thin."""
