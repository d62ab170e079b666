"""How long klsurv takes, and how much memory, on run cells of full size."""
