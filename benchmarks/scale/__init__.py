"""silktune's driver on a simulated cluster of many nodes, on which training is sleep."""
