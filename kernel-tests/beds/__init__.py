"""The beds that cases run on. Only uml for now."""
