"""The only door to Ray and Optuna."""

import os

IN_WORKERS = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a relative path means the same in a worker
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.1",  # the default lets every report wait for 2 s
}
# Set before Ray is imported: Ray keeps quiet and does not phone home, and a driver that dies loses a second at most.
os.environ.update(
    IN_WORKERS,
    RAY_USAGE_STATS_ENABLED="0",
    RAY_AIR_NEW_OUTPUT="0",
    TUNE_GLOBAL_CHECKPOINT_S="60",
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    TUNE_DISABLE_STRICT_METRIC_CHECKING="1",
    TUNE_PRINT_ALL_TRIAL_ERRORS="0",  # the desk says what became of a trial
    TUNE_RESULT_BUFFER_LENGTH="1",
)
