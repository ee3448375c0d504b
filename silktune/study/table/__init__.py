"""The tables that people read: sheets of cells, and how they are written."""
