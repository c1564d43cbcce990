package bench

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"seagate/client"
)

// prepare makes the streams and the tokens. made is the argument for remove, also after an
// error. Then it may count streams that were not made.
func (r *Run) prepare(ctx context.Context) (made int, err error) {
	o := r.options
	if o.Fetch {
		r.matching = []int{0}
		return 0, nil
	}
	made = o.Streams // those that were not made are not found when they are removed
	err = concurrently(ctx, o.Streams, func(ctx context.Context, i int) error {
		if _, err := r.client.Define(ctx, r.streamName(i), jsontext.Value(definition(o.Fields))); err != nil {
			return err
		}
		if o.Durability == "" {
			return nil
		}
		_, err := r.client.SetStreamSettings(ctx, r.streamName(i), client.StreamSettings{Durability: &o.Durability})
		return err
	})
	if err == nil && o.Filters > 0 {
		err = r.makeTokens(ctx)
	}
	r.countMatching()
	return made, err
}

// streamOf, keyOf and groupOf say what a subscriber subscribes to.
func (r *Run) streamOf(subscriber int) int { return subscriber % r.options.Streams }
func (r *Run) keyOf(subscriber int) int {
	return subscriber / r.options.Streams % max(r.options.Filters, 1)
}
func (r *Run) groupOf(subscriber int) int {
	return subscriber / r.options.Streams % max(r.options.Groups, 1)
}

// countMatching counts the deliveries of a message, by its stream and its key.
func (r *Run) countMatching() {
	o := r.options
	keys := max(o.Filters, 1)
	r.matching = make([]int, o.Streams*keys)
	for i := range o.Subscribers {
		at := r.streamOf(i)*keys + r.keyOf(i)
		if r.matching[at]++; o.Groups > 0 {
			r.matching[at] = min(r.matching[at], o.Groups)
		}
	}
}

// makeTokens makes a client of its own, whose tokens have the filters.
func (r *Run) makeTokens(ctx context.Context) error {
	if _, err := r.client.CreateClient(ctx, r.name, "seagate bench"); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	if err := r.client.SetPublicKey(ctx, r.name, string(block)); err != nil {
		return err
	}
	expires := time.Now().Add(maxDuration).Unix()
	r.tokens = make([]client.Credentials, r.options.Filters)
	return concurrently(ctx, r.options.Filters, func(_ context.Context, i int) error {
		claims := jwt.MapClaims{"exp": expires, "filter": map[string]any{"t": "eq", "e": []any{
			map[string]any{"t": "path", "e": "$.key"}, map[string]any{"t": "number", "e": i}}}}
		token, err := jwt.NewWithClaims(jwt.SigningMethodRS512, claims).SignedString(key)
		r.tokens[i] = client.JWT(r.name, token)
		return err
	})
}

// removeTimeout bounds the removal of what a run made.
const removeTimeout = time.Minute

// remove removes what the run made. What cannot be removed stays.
func (r *Run) remove(streams int) {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	if r.tokens != nil {
		_ = r.client.DeleteClient(ctx, r.name)
	}
	if r.options.Keep {
		return
	}
	_ = concurrently(ctx, streams, func(ctx context.Context, i int) error {
		err := r.client.DeleteStream(ctx, r.streamName(i))
		if _, refused := errors.AsType[*client.Error](err); refused {
			return nil // it was never made
		}
		return err
	})
}

// connectAll opens the connections of the subscribers, and lets them receive.
func (r *Run) connectAll(ctx context.Context) error {
	r.sockets = make([]*socket, r.options.Subscribers)
	err := concurrently(ctx, r.options.Subscribers, func(ctx context.Context, i int) error {
		s, err := r.subscribe(ctx, i)
		r.sockets[i] = s
		if err != nil {
			return fmt.Errorf("subscriber %d of %d: %w", i+1, r.options.Subscribers, err)
		}
		r.readers.Go(func() { r.receive(s) })
		return nil
	})
	if err != nil {
		open := r.sockets[:0]
		for _, s := range r.sockets {
			if s != nil {
				open = append(open, s)
			}
		}
		r.sockets = open
	}
	return err
}
