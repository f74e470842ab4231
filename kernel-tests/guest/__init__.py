"""What runs inside the guest; nothing here is used on the host."""
