"""The only door to Ray and Optuna."""
