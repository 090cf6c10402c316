"""Personal data: spans in texts -> fillers of the same format -> rank of the true value among them, exposure, p_z."""
