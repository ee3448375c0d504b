"""SilkNet, its losses and its training: torch and torchvision; no Ray, no Optuna, no MLflow."""
