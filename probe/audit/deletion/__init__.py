"""Deletion: what should have been deleted from a model, is it gone?"""
