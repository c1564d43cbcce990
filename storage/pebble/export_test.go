package pebble

// WithSmallTables makes an engine write tables soon.
func (o Options) WithSmallTables() Options {
	o.memTable = 512 << 10
	return o
}

// Notify calls back for an operation whose caller panics.
func NotifyPanicking() { notifyContained(panickingOperation{}) }

type panickingOperation struct{ operation }

func (panickingOperation) notify() { panic("injected") }
