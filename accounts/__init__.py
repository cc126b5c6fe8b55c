"""Users, the four roles and the scope that decides who sees what (G 6)."""
