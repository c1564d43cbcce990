package oracle

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"seagate/client"
)

// A viewer is a client of the run that signs tokens. A token sees one color.
type viewer struct {
	o   *Oracle
	id  string
	key *rsa.PrivateKey
}

func (o *Oracle) newViewer(ctx context.Context) (*viewer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	if _, err := o.control.CreateClient(ctx, o.name, "made by seagate oracle"); err != nil {
		return nil, err
	}
	v := &viewer{o: o, id: o.name, key: key}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return v, o.control.SetPublicKey(ctx, v.id, string(public))
}

// tokenLife is longer than any run.
const tokenLife = 24 * time.Hour

// target returns the gateway with a token that sees one color.
func (v *viewer) target(color string) (Target, error) {
	encode := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"exp":%d,"mustFanout":true,"filter":{"t":"eq","e":[{"t":"path","e":"$.color"},{"t":"string","e":%q}]}}`,
		time.Now().Add(tokenLife).Unix(), color)
	text := encode([]byte(`{"alg":"RS512","typ":"JWT"}`)) + "." + encode([]byte(claims))
	signature, err := jwt.SigningMethodRS512.Sign(text, v.key)
	if err != nil {
		return Target{}, err
	}
	return Target{v.o.target.URL, client.JWT(v.id, text+"."+encode(signature)), v.o.target.TLS, v.o.target.Silence}, nil
}
