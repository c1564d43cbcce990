package cli_test

import (
	"strings"
	"testing"
)

const (
	onePage  = `{"messages":[{"seq":3,"time":"2026-11-21T10:00:00Z","payload":{"t":1.50}},{"seq":4,"time":"2026-11-21T10:00:01.5Z","payload":null}],"epoch":"e","firstSeq":3,"nextSeq":6,"next":"5","dropped":2}`
	lastPage = `{"messages":[{"seq":5,"time":"2026-11-21T10:00:02Z","payload":5}],"epoch":"e","firstSeq":3,"nextSeq":6,"next":null}`

	first  = "GET /streams/boiler/messages?from=1&limit=100"
	second = "GET /streams/boiler/messages?epoch=e&from=5&limit=100"

	settings = `{"set":{"durability":null,"retention":{"age":"48h0m0s","bytes":null,"messages":null}},` +
		`"effective":{"durability":"disk","retention":{"age":"48h0m0s","bytes":1073741824,"messages":0}}}`
	settingsTable = "durability\tdisk\tdefault\nretention-age\t48h0m0s\tstream\nretention-bytes\t1073741824\tdefault\nretention-messages\t0\tdefault\n"
	getSettings   = "GET /streams/boiler/settings"
	putSettings   = "PUT /streams/boiler/settings"

	groupID  = "0a0e0000-0000-4000-8000-000000000001"
	oneGroup = `{"streamName":"boiler","clientId":"sensors","groupId":"` + groupID + `","members":2,"position":5,"lag":3,"lagSeconds":1.55,"inFlight":2,"redelivered":4,"deadLettered":1,"lost":7,"createdAt":"2026-11-21T10:00:00Z","lastActive":"2026-11-21T10:00:01Z"}`
	noGroup  = `{"streamName":"boiler","clientId":"sensors","groupId":null,"members":0,"position":1,"lag":0,"lagSeconds":0,"inFlight":0,"redelivered":0,"deadLettered":0,"lost":0,"createdAt":"2026-11-21T10:00:00Z","lastActive":"2026-11-21T10:00:01Z"}`
	groupRow = "sensors\t" + groupID + "\t2\t5\t3\t1.6s\t2\t4\t1\t7\n"
	theGroup = "/streams/boiler/groups/sensors/" + groupID
	plan     = "POST " + theGroup + `/move {"to":"earliest","dryRun":true}`
	did      = "POST " + theGroup + `/move {"to":"earliest"}`
)

// TestExtensionCommands runs each command for an extension of stream-sea against a
// gateway with prepared answers.
func TestExtensionCommands(t *testing.T) {
	moved := map[string]string{"POST " + theGroup + "/move": `{"position":1,"was":5,"lag":7,"again":4,"skipped":0}`}
	for _, test := range []struct {
		args       string
		routes     map[string]string
		requests   []string
		out, notes string
	}{
		{"messages boiler --from 1", map[string]string{first: onePage}, []string{first}, "{\"t\":1.50}\nnull\n",
			"2 messages from 1 on are missing: the stream no longer keeps them\nthere are more messages; continue with --from 5 --epoch e\n"},
		{"messages boiler --from 1 --all", map[string]string{first: onePage, second: lastPage}, []string{first, second}, "{\"t\":1.50}\nnull\n5\n",
			"2 messages from 1 on are missing: the stream no longer keeps them\nthere are no more messages; continue with --from 6 --epoch e\n"},
		{"messages boiler --from 5 --epoch e --meta", map[string]string{second: lastPage}, []string{second},
			`{"seq":5,"time":"2026-11-21T10:00:02Z","epoch":"e","payload":5}` + "\n", "there are no more messages; continue with --from 6 --epoch e\n"},
		{"messages boiler --limit 1000 --json", map[string]string{"GET /streams/boiler/messages?from=earliest&limit=1000": lastPage}, nil,
			`{"seq":5,"time":"2026-11-21T10:00:02Z","epoch":"e","payload":5}` + "\n", `{"note":"there are no more messages; continue with --from 6 --epoch e"}` + "\n"},

		{"stream settings boiler", map[string]string{getSettings: settings}, []string{getSettings}, settingsTable, ""},
		{"stream settings boiler --json", map[string]string{getSettings: settings}, []string{getSettings},
			`{"set":{"retention":{"age":"48h0m0s"}},"effective":{"durability":"disk","retention":{"age":"48h0m0s","bytes":1073741824,"messages":0}}}` + "\n", ""},
		{"stream settings boiler --durability memory --retention-bytes 2KiB --retention-messages 7", map[string]string{getSettings: settings, putSettings: settings},
			[]string{getSettings, putSettings + ` {"durability":"memory","retention":{"age":"48h0m0s","bytes":2048,"messages":7}}`}, settingsTable, ""},
		{"stream settings boiler --retention-age default --retention-bytes 0", map[string]string{getSettings: settings, putSettings: settings},
			[]string{getSettings, putSettings + ` {"retention":{"bytes":0}}`}, settingsTable, ""},
		{"stream settings boiler --retention-age 0 --durability default", map[string]string{getSettings: settings, putSettings: settings},
			[]string{getSettings, putSettings + ` {"retention":{"age":"0s"}}`}, settingsTable, ""},

		{"groups boiler", map[string]string{"GET /streams/boiler/groups?limit=100": `{"groups":[` + oneGroup + `],"next":"x"}`,
			"GET /streams/boiler/groups?after=x&limit=100": `{"groups":[` + noGroup + `],"next":null}`}, nil,
			groupRow + "sensors\tungrouped\t0\t1\t0\t0s\t0\t0\t0\t0\n", ""},
		{"group show boiler sensors " + groupID, map[string]string{"GET " + theGroup: oneGroup}, nil, groupRow, ""},
		{"group show boiler sensors ungrouped --json", map[string]string{"GET /streams/boiler/groups/sensors/ungrouped": oneGroup}, nil, oneGroup + "\n", ""},
		{"group delete boiler sensors " + groupID + " --yes", map[string]string{"DELETE " + theGroup: `{}`}, nil,
			"", "group " + groupID + " of client sensors is deleted\n"},
		{"group delete boiler sensors ungrouped --yes --json", map[string]string{"DELETE /streams/boiler/groups/sensors/ungrouped": `{}`}, nil,
			`{"stream":"boiler","client":"sensors","group":"ungrouped","state":"deleted"}` + "\n", ""},
		{"group move boiler sensors " + groupID + " --to earliest --yes", moved, []string{did},
			"", "group " + groupID + " moved from message 5 to 1, with 7 messages to deliver\n"},
		{"group move boiler sensors " + groupID + " --to earliest --dry-run", moved, []string{plan},
			"", "group " + groupID + " would move from message 5 to 1, with 7 messages to deliver\n"},
		{"group move boiler sensors " + groupID + " --to 3 --epoch e --yes --json", moved, []string{"POST " + theGroup + `/move {"to":3,"epoch":"e"}`},
			`{"position":1,"was":5,"lag":7,"again":4,"skipped":0,"moved":true}` + "\n", ""},
		{"version", nil, nil, "1.2.3\n", ""},
		{"version --json", nil, nil, `{"version":"1.2.3"}` + "\n", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			f := newFake(t, test.routes)
			run(t, strings.Fields(test.args)...).want(t, test.out, test.notes, 0)
			if test.requests != nil {
				f.wantRequests(test.requests...)
			}
		})
	}
}

func TestMovingAGroupNeedsConfirmation(t *testing.T) {
	f := newFake(t, map[string]string{"POST " + theGroup + "/move": `{"position":1,"was":5,"lag":7,"again":4,"skipped":0}`})
	r := run(t, "group", "move", "boiler", "sensors", groupID, "--to", "earliest")
	if r.code != 2 || !strings.Contains(r.notes, "give --yes") {
		t.Errorf("%+v", r)
	}
	f.wantRequests(plan)
}
