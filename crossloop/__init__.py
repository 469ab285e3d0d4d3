"""crossloop: departments' agents act on each other's signals, under rules both heads signed."""
