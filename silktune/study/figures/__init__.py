"""Pictures: of an ablation, and confusion matrices."""
