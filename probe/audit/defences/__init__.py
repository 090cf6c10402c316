"""Defences against membership inference, each trained and attacked by who knows it.

recipe -> arms (ways to train) -> a fleet of each on the same texts -> one model of it attacked by the others
       -> figures, bounds on epsilon, exposure of canaries -> table, pictures, report
"""
