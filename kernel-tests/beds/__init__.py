"""The beds that cases run on: User-Mode Linux."""
