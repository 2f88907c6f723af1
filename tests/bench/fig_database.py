"""P14, P15: the database beside the disk it stands on."""
