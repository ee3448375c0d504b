"""Sample data: a labelled collection of woven fabrics with gaps and rare classes, drawn on the spot."""
