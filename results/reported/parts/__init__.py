"""What readers are made of: formats of files, tables of fields, conditions, names of chips."""
