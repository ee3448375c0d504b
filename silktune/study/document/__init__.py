"""What people read of a study, in one model that the terminal, Markdown and LaTeX write in their way."""
