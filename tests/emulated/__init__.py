"""The code for matrix units on processors without them: their instructions are done in software (amx.c)."""
