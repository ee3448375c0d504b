"""What people see: the console, progress, tables; legible whatever the terminal can show."""
