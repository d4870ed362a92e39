package history

// within is what a client did in a window of time.
type within struct {
	client *Client
	window Window
}

// Within gives the client's operations that began in w, as a historian that goes by the client's name.
func (c *Client) Within(w Window) Source { return within{c, w} }

func (p within) Name() string     { return p.client.Name() }
func (p within) History() History { return p.client.History().Within(p.window) }
