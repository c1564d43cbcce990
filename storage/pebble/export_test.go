package pebble

// WithSmallTables makes an engine write tables soon.
func (o Options) WithSmallTables() Options {
	o.memTable = 1 << 20
	return o
}
