"""Speed and accuracy, measured side by side; every bench prints its table and writes it to results/NAME.json."""
