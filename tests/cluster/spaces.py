"""A search of two trials that take seconds."""

GRID = """
set:
  data.image_size: 32
  net.trunk: resnet18
  net.weights: none
  net.NB_RN: 1
  net.NN_jfc: [16]
  net.NN_tfc: []
  train.batch_size: 24
  train.max_epochs: 6
  train.patience: 6
search:
  train.learning_rate: {choices: [1.0e-3, 3.0e-4]}
"""
