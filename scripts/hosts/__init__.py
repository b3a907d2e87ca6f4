"""The shop on more than one machine: hosts made of network namespaces, cut, lost and judged."""
