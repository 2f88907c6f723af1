"""What every scenario, hostile and browser test of Vulcan stands on."""
