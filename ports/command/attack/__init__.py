"""The attacks of `outport security-test`: a published corpus, clients of each door, and who judges the answers."""
