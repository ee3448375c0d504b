"""The Python interface: one function for each thing that a person does; the commands call the same ones."""
