package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	"seagate/auth"
	"seagate/client"
)

// A keyRequest is what the flags of "clients key" give.
type keyRequest struct {
	clear bool
	kid   string
	url   string
	keep  time.Duration
}

// check returns an error if the flags and the number of files do not go together.
func (r *keyRequest) check(files int) error {
	given := files
	for _, is := range []bool{r.clear, r.url != ""} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return usagef("give the file of an RSA key in PEM or of a JWK set, - for standard input, --url, or --clear")
	case r.kid != "" && files == 0:
		return usagef("--kid names the key in a file")
	case r.kid != "" && r.keep != 0:
		return usagef("--kid adds the key beside the others; end one of those with `seagate clients end-key --keep-old`")
	}
	return checkKeep(r.keep)
}

func checkKeep(keep time.Duration) error {
	if keep < 0 || keep > auth.MaxKeep || keep%time.Second != 0 {
		return usagef("--keep-old must be whole seconds, at most %s", auth.MaxKeep)
	}
	return nil
}

func clientsKeyCommand() *cobra.Command {
	var r keyRequest
	cmd := gatewayCommand("key CLIENT [FILE | -]", "Set, add or clear the public keys of a client's tokens", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			if err := r.check(len(t.Args) - 1); err != nil {
				return err
			}
			id := t.Args[0]
			state, err := t.setKey(ctx, r)
			if err != nil {
				return err
			}
			return t.Done(outcome{Client: id, Key: state}, "the key of client %s is %s", id, state)
		})
	cmd.Long = `Set the public keys that verify the tokens of a client: an RSA key in PEM, the keys of
a JWK set, or the JWK set at a URL, which the gateway fetches again and again. Of a
private key the public half is sent, with a proof that you have the private half: it
keeps other jails from registering the key for a client of the same id. Other keys of
the client end, at once or after --keep-old. With --kid the key is added beside them, for
tokens whose header has this kid.`
	cmd.Example = `  openssl genrsa -out sensors.key 2048
  seagate clients key sensors sensors.key
  seagate clients key sensors new.key --kid 2026-12
  seagate clients key portal --url https://login.example.com/jwks.json`
	flags := cmd.Flags()
	flags.BoolVar(&r.clear, "clear", false, "remove the keys, so that tokens of the client are no longer accepted")
	flags.StringVar(&r.kid, "kid", "", "add the key under the name `KID`, beside the keys that there are")
	flags.StringVar(&r.url, "url", "", "let the gateway fetch the keys from the JWK set at `URL`")
	DurationVar(flags, &r.keep, "keep-old", 0, "let the old keys be valid for `DURATION`, so that those who sign can change to the new one")
	return cmd
}

// setKey changes the keys of a client, and returns what they are then.
func (t *task) setKey(ctx context.Context, r keyRequest) (state string, err error) {
	id := t.Args[0]
	switch {
	case r.clear && r.keep == 0:
		return "cleared", t.SetPublicKey(ctx, id, "")
	case r.clear:
		_, err := t.SetKeys(ctx, id, nil, r.keep)
		return "cleared, and valid for " + r.keep.String(), err
	case r.url != "":
		_, err := t.SetKeysURL(ctx, id, r.url, r.keep)
		return "set to those at the URL", err
	}
	text, err := t.readInput(t.Args[1], maxKey)
	isSet := isJWKS(text)
	switch {
	case err != nil:
		return "", err
	case isSet && r.kid != "":
		return "", usagef("a JWK set has the kids of its keys: leave --kid out")
	case isSet:
		_, err = t.SetKeySet(ctx, id, text, r.keep)
		return "set", err
	}
	key, state, err := t.newKey(ctx, id, text)
	if err != nil {
		return "", err
	}
	if key.KID = r.kid; r.kid != "" {
		_, err = t.AddKey(ctx, id, key)
		return "added" + state, err
	}
	if r.keep == 0 && key.Proof == "" {
		return "set", t.SetPublicKey(ctx, id, key.PEM)
	}
	_, err = t.SetKeys(ctx, id, []client.NewKey{key}, r.keep)
	return "set" + state, err
}

// newKey returns the public key of the file. If the file has a private key, that proves that the client's
// jail may register it, and stays here.
func (t *task) newKey(ctx context.Context, id string, text []byte) (key client.NewKey, state string, err error) {
	if !bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		return client.NewKey{PEM: string(text)}, "", nil
	}
	private, err := jwt.ParseRSAPrivateKeyFromPEM(text)
	if err != nil { // the cause could show a part of the file
		return key, "", fmt.Errorf("%s is not an RSA private key in PEM, without a passphrase", t.Args[1])
	}
	keys, err := t.Keys(ctx, id) // for the jail
	if err != nil {
		return key, "", err
	}
	if key.Proof, err = auth.ProveKey(private, keys.JailID, id); err != nil {
		return key, "", err
	}
	key.PEM, err = publicPEM(&private.PublicKey)
	return key, ", and proven", err
}

func clientsKeysCommand() *cobra.Command {
	heading := []string{"KEY", "UNTIL", "REMARK"}
	cmd := gatewayCommand("keys CLIENT", "List the public keys of a client's tokens", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		keys, err := t.Keys(ctx, t.Args[0])
		if err != nil {
			return err
		}
		if t.JSON {
			return t.value(keys)
		}
		t.noteKeys(keys)
		entries := func(yield func(client.KeyInfo, error) bool) {
			for _, k := range keys.Keys {
				if !yield(k, nil) {
					return
				}
			}
		}
		return list(t.Console, entries, heading, func(k client.KeyInfo) []string {
			row := []string{k.ID, "-", "-"}
			if k.End != nil {
				row[1] = k.End.Format(time.RFC3339)
			}
			switch {
			case k.NeedsJailID:
				row[2] = "another jail has it: for tokens with jailId only"
			case k.Proven:
				row[2] = "proven"
			}
			return row
		})
	})
	cmd.Example = `  seagate clients keys sensors`
	return cmd
}

// noteKeys prints what there is besides keys.
func (c *Console) noteKeys(keys client.ClientKeys) {
	if s := keys.JWKS; s != nil {
		switch {
		case s.Error != "":
			c.Note("the keys at %s cannot be fetched: %s", s.URL, s.Error)
		case s.FetchedAt == nil:
			c.Note("the keys at %s are not fetched yet", s.URL)
		default:
			c.Note("the keys at %s were fetched at %s", s.URL, s.FetchedAt.Format(time.RFC3339))
		}
	}
	if keys.Rules != nil {
		c.Note("tokens must have %s", describeRules(*keys.Rules))
	}
	for _, r := range keys.Revoked {
		c.Note("revoked until %s: the token %q", r.Until.Format(time.RFC3339), r.JTI)
	}
}

func describeRules(r client.TokenRules) string {
	var parts []string
	if r.Audience != "" {
		parts = append(parts, "the audience "+r.Audience)
	}
	if r.Issuer != "" {
		parts = append(parts, "the issuer "+r.Issuer)
	}
	if r.MaxLifetime > 0 {
		parts = append(parts, "a lifetime of at most "+(time.Duration(r.MaxLifetime)*time.Second).String())
	}
	if parts == nil {
		return "nothing besides"
	}
	return strings.Join(parts, ", ")
}

func clientsEndKeyCommand() *cobra.Command {
	var keep time.Duration
	cmd := gatewayCommand("end-key CLIENT KEY", "End one of the public keys of a client's tokens", cobra.ExactArgs(2), func(ctx context.Context, t *task) error {
		if err := checkKeep(keep); err != nil {
			return err
		}
		left, err := t.EndKey(ctx, t.Args[0], t.Args[1], keep)
		if err != nil {
			return err
		}
		state := "ended"
		if i := slices.IndexFunc(left.Keys, func(k client.KeyInfo) bool { return k.ID == t.Args[1] }); i >= 0 && left.Keys[i].End != nil {
			state = "valid until " + left.Keys[i].End.Format(time.RFC3339)
		}
		return t.Done(outcome{Client: t.Args[0], Key: state}, "the key %s of client %s is %s", t.Args[1], t.Args[0], state)
	})
	cmd.Long = "End one of the public keys of a client, and the connections of its tokens. KEY is what\n`seagate clients keys` shows."
	DurationVar(cmd.Flags(), &keep, "keep-old", 0, "let the key be valid for `DURATION`, so that those who sign can change to another")
	cmd.Example = `  seagate clients end-key sensors 2026-11 --keep-old 1h`
	return cmd
}

func clientsTokensCommand() *cobra.Command {
	var rules client.TokenRules
	var lifetime time.Duration
	var any bool
	cmd := gatewayCommand("tokens CLIENT", "Set what the tokens of a client must be", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		rules.MaxLifetime = int64(lifetime / time.Second)
		switch {
		case lifetime < 0 || lifetime%time.Second != 0:
			return usagef("--max-lifetime must be whole seconds, and not negative")
		case any == (rules != client.TokenRules{}):
			return usagef("give what tokens must be, such as --audience gateway, or --any")
		}
		if _, err := t.SetTokenRules(ctx, t.Args[0], rules); err != nil {
			return err
		}
		text := describeRules(rules)
		return t.Done(outcome{Client: t.Args[0], State: text}, "tokens of client %s must have %s", t.Args[0], text)
	})
	cmd.Long = `Set what the tokens of a client must be, besides signed and in time, instead of what
was set before. Connections of its tokens end; whoever has a token that fits may
connect again.`
	cmd.Example = `  seagate clients tokens portal --audience seagate --issuer https://login.example.com --max-lifetime 1h`
	flags := cmd.Flags()
	flags.StringVar(&rules.Audience, "audience", "", "the claim aud must be, or have, `TEXT`")
	flags.StringVar(&rules.Issuer, "issuer", "", "the claim iss must be `TEXT`")
	DurationVar(flags, &lifetime, "max-lifetime", 0, "the claim iat must be there, and exp at most `DURATION` later")
	flags.BoolVar(&any, "any", false, "ask for nothing besides")
	return cmd
}

func tokenRevokeCommand() *cobra.Command {
	var jti, expires string
	cmd := gatewayCommand("revoke CLIENT [FILE | -]", "Revoke one token of a client, and end its connections", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			id := t.Args[0]
			fromVariable := len(t.Args) == 1 && jti == "" && os.Getenv(envToken) != ""
			if !fromVariable && (jti == "") == (len(t.Args) == 1) || (jti == "") != (expires == "") {
				return usagef("give the file of the token, - for standard input, or --jti and --expires; or set " + envToken)
			}
			if jti == "" {
				token, err := t.tokenArgument(1)
				if err != nil {
					return err
				}
				_, err = t.RevokeTokenText(ctx, id, token)
				return t.revoked(id, err)
			}
			until, err := time.Parse(time.RFC3339, expires)
			if err != nil {
				return usagef("--expires must be a time such as 2026-12-24T18:00:00Z")
			}
			_, err = t.RevokeToken(ctx, id, jti, until)
			return t.revoked(id, err)
		})
	cmd.Long = `Revoke one token of a client by its claim jti, until it expires. A token without jti
can only be revoked with its key: see seagate clients end-key.`
	cmd.Example = `  seagate token revoke floor floor.jwt
  seagate token revoke floor --jti 7f3a --expires 2026-12-24T18:00:00Z`
	cmd.Flags().StringVar(&jti, "jti", "", "the claim jti of the token is `ID`")
	cmd.Flags().StringVar(&expires, "expires", "", "the token expires at `TIME`; it is forgotten then")
	return cmd
}

func (t *task) revoked(id string, err error) error {
	if err != nil {
		return err
	}
	return t.Done(outcome{Client: id, State: "token revoked"}, "the token of client %s is revoked", id)
}
