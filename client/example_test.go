package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/protocol"
)

func Example() {
	ctx := context.Background()
	c, err := client.New("http://127.0.0.1:3104", client.Basic("root", "the secret"), client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseIdleConnections()

	definition := jsontext.Value(`{"version":1,"fields":[{"name":"temperature","type":"float"}]}`)
	if _, err := c.Define(ctx, "boiler", definition); err != nil {
		log.Fatal(err)
	}
	_, err = c.Publish(ctx, "boiler", map[string]any{"temperature": "hot"})
	if client.CodeOf(err) == protocol.CodeInvalidPayload {
		refusal, _ := errors.AsType[*client.Error](err)
		for _, problem := range refusal.Errors {
			fmt.Println(problem) // what is wrong, and where
		}
	}
}

func ExampleClient_Follow() {
	c, err := client.New("http://127.0.0.1:3104", client.Basic("root", "the secret"), client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	options := client.FollowOptions{
		OnLost: func(cause error, wait time.Duration) { log.Printf("%v; trying again in %v", cause, wait) },
		OnSubscribed: func(gap client.Gap) {
			if gap.Cause != nil {
				log.Printf("subscribed again after %v; nothing is missed: %t", gap.To.Sub(gap.From), gap.Resumed)
			}
		},
	}
	err = c.Follow(context.Background(), "boiler", options, func(m client.Message) error {
		fmt.Println(m.Payload)
		return nil
	})
	log.Fatal(err)
}

// Every message is handled at least once, over lost connections and restarts.
func ExampleClient_Follow_position() {
	c, err := client.New("http://127.0.0.1:3104", client.Basic("root", "the secret"), client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	var last client.Message // read from where it was stored
	options := client.FollowOptions{
		From:  client.AtSeq(last.Seq + 1),
		Epoch: last.Epoch,
		OnMissing: func(m client.Missing) {
			log.Printf("the stream no longer keeps messages %d to %d", m.From, m.To)
		},
	}
	err = c.Follow(context.Background(), "boiler", options, func(m client.Message) error {
		fmt.Println(m.Seq, m.Time, m.Payload)
		if !m.Header {
			last = m // and store it
		}
		return nil
	})
	if client.CodeOf(err) == protocol.CodePositionLost {
		log.Print("this is another stream: begin with client.Earliest()")
	}
	log.Fatal(err)
}

func ExampleClient_Messages() {
	ctx := context.Background()
	c, err := client.New("http://127.0.0.1:3104", client.Basic("root", "the secret"), client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for next, epoch := client.Earliest(), ""; ; {
		page, err := c.Messages(ctx, "boiler", next, 100, epoch)
		if err != nil {
			log.Fatal(err)
		}
		for _, m := range page.Messages {
			fmt.Println(m.Seq, m.Payload)
		}
		if page.AtEnd {
			break
		}
		next, epoch = page.Next, page.Epoch
	}
}

func ExampleSubscription_Ack() {
	ctx := context.Background()
	c, err := client.New("http://127.0.0.1:3104", client.Basic("root", "the secret"), client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	conn, err := c.Dial(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	sub, err := conn.Subscribe(ctx, "boiler", client.SubscribeOptions{Group: "0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a10", Explicit: true})
	if err != nil {
		log.Fatal(err)
	}
	work := func(client.Message) error { return nil }
	for {
		m, err := sub.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if m.Missing != (client.Missing{}) {
			continue
		}
		if err := work(m); err != nil {
			err = sub.Nack(ctx, client.NackOptions{Reason: err.Error(), Delay: 5 * time.Second}, m.Seq)
		} else {
			err = sub.Ack(ctx, m.Seq)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}

func ExampleConn_Send() {
	ctx := context.Background()
	c, err := client.New("http://127.0.0.1:3104", client.Basic("root", "the secret"), client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	conn, err := c.Dial(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	var receipts []*client.Receipt
	for _, temperature := range []float64{20.5, 20.7, 21.1} {
		receipt, err := conn.Send(ctx, "boiler", map[string]any{"temperature": temperature})
		if err != nil {
			log.Fatal(err)
		}
		receipts = append(receipts, receipt)
	}
	for i, receipt := range receipts {
		at, err := receipt.Wait(ctx)
		if err != nil {
			log.Printf("message %d: %v", i, err)
			continue
		}
		fmt.Println("message", at.Seq, "of epoch", at.Epoch)
	}
}
