class FakeDevice:
    pass
