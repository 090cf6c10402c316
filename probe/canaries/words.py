"""Words for canaries: plain nouns that say nothing together.

A secret keeps the words that it was drawn from, so this list may change.
"""

from __future__ import annotations

WORDS: tuple[str, ...] = tuple(
    """
    acorn almond anchor ankle apple apron arrow attic autumn badge baker barley barn barrel basil basin basket beach
    beacon beard beaver bench berry blanket blossom bonnet border bottle branch bread brick bridge broom brush bubble
    bucket buckle butter button cabin cactus candle canoe canvas carbon carpet carrot castle cattle cedar cellar chalk
    cherry chimney circle clay cliff clock clover coach cobalt coconut coffee collar comet compass copper coral corner
    cotton cradle crater creek cricket crown crystal curtain cushion daisy dancer desert dinner dolphin donkey dragon
    drawer drum eagle echo elbow ember engine evening fabric falcon farmer feather fern ferry fiddle field finger flame
    flannel flute forest fossil fountain fox frost funnel garden garlic ginger glacier globe glove goose grain granite
    grape gravel hammer harbour harvest hazel hedge helmet heron hill hollow honey horizon hornet island ivory ivy
    jacket jigsaw jungle kettle keyhole kitchen kitten ladder lagoon lantern laurel leather lemon lentil lighthouse
    lilac linen lobster magnet maple marble market meadow melon mirror mitten monsoon morning moss mountain mustard
    needle nest nickel nutmeg oak oar oasis ocean olive onion orange orchard otter oyster paddle palace panther paper
    parcel parsley pasture peach pebble pencil pepper piano pigeon pillow pine planet plaza plum pocket pond poplar
    potato prairie pumpkin quarry quartz quilt rabbit radish raven ribbon river rocket rope saddle saffron salmon
    sandal satchel scarf shadow shell shepherd silver smoke spider spoon squirrel stable statue storm sugar summer
    thimble thunder timber tulip tunnel turtle valley vanilla velvet village violin wagon walnut walrus weaver whistle
    willow window winter yarn zebra
    """.split()
)
