"""What the SILKNOW project and the released code of SilkNet wrote, as tidy label tables."""
