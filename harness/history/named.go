package history

// named is the present operations of several historians.
type named struct {
	name string
	of   []Source
}

// Named gives the operations of all of them, as they come, as one historian that goes by the name: a cluster and not each of its members.
func Named(name string, of ...Source) Source { return named{name, of} }

func (n named) Name() string     { return n.name }
func (n named) History() History { return Merge(n.of...) }
