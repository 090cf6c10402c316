"""What defences against membership inference cost and gain, on passages of the embedded corpus."""
