"""What Vulcan does for its users, through the real nginx."""
