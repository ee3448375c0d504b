"""The only door to MLflow: a study as nested runs, written so that writing it again changes nothing."""
