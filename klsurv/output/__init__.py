"""Results to files and terminals: data files, pictures, rich tables."""
