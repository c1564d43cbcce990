package streams_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bugsOfTheOriginal lists the bugs of the network that this one is modelled on,
// and the tests, by package below streams, that this one does not have them.
var bugsOfTheOriginal = []struct {
	bug   string
	tests map[string][]string
}{
	{"B1: a provider stays requested when a listener's link closes", map[string][]string{
		"peer": {"TestWhatAClientListenedToEndsWithItsLink"}, "link": {"TestListenersMoveToTheNextProvider"}}},
	{"B2: listeners are not moved when a provider unregisters", map[string][]string{
		"link": {"TestListenersMoveToTheNextProvider"}}},
	{"B3: the next provider's link is dropped then", map[string][]string{
		"link": {"TestListenersMoveToTheNextProvider", "TestRandomNetworks"}}},
	{"B4: a message to a link that has just closed ends the sender's link", map[string][]string{
		"link": {"TestListenersThatLeaveHarmNoSender", "TestRandomNetworks"}}},
	{"B5: costs stay what they were after a failover, and topics become ghosts", map[string][]string{
		"link": {"TestARerouteToTheSameLogResumes", "TestRandomNetworks"}}},
	{"B6: a ring remembers what was withdrawn", map[string][]string{
		"link": {"TestARingBringsEachMessageOnceAndForgets"}}},
	{"B7: a pause outlives its provider", map[string][]string{
		".": {"TestAPauseEndsWithItsProvider"}, "link": {"TestListenersMoveToTheNextProvider"}}},
	{"B8: queues without bound for listeners that do not read", map[string][]string{
		".": {"TestSlowConsumerReadsOnFromItsCursor", "TestSendersWaitForTheWorkersNotForTheSlow"}}},
	{"B9: gaps or repeats when a listener moves", map[string][]string{
		"link": {"TestARerouteToTheSameLogResumes", "TestRandomNetworks"}}},
	{"B10: a client that was stopped and started receives nothing", map[string][]string{
		"peer": {"TestAStoppedClientMissesNothing", "TestAStoppedClientIsToldTheExactGap"}}},
	{"B11: an in topic cannot know that its topic is provided", map[string][]string{
		".": {"TestPublishingAndSubscribingDoNotProvide", "TestPauseAndRegistrationAreToldInOrder"}, "link": {"TestARingBringsEachMessageOnceAndForgets"}}},
	{"B12: a provider stays requested after it has unregistered", map[string][]string{
		".": {"TestRequestedEndsWithTheLastListener", "TestAnIdleProducerSleepsAndWakes"}}},
	{"B13: priorities have no effect", map[string][]string{
		"merge": {"TestEqualTimestampsComeByPriorityThenInTheListedOrder"}}},
	{"B14: a call that nobody answers waits for ever", map[string][]string{
		"peer": {"TestWhatCannotBeCalledFailsAtOnce", "TestCallsOfAServerThatLeavesFailAtOnce", "TestADeadlineEndsACallOnBothSides"}}},
	{"B15: the error of a call is none that callers expect", map[string][]string{
		"peer": {"TestAnErrorIsTheServersOwn"}, "fetch": {"TestWhatHandlersReturnReachesTheCaller"}}},
	{"B16: resolvers keep the address of a former owner", map[string][]string{
		"discovery": {"TestEveryResolverSeesAChangeOfTheOwner", "TestAWatcherIsToldOfAnOwnerThatWasReplacedUnseen"}}},
}

func TestEachBugOfTheOriginalHasATest(t *testing.T) {
	for _, b := range bugsOfTheOriginal {
		for dir, names := range b.tests {
			source := testsOf(t, dir)
			for _, name := range names {
				if !strings.Contains(source, "\nfunc "+name+"(") {
					t.Errorf("%s: there is no %s in %s", b.bug, name, dir)
				}
			}
		}
	}
}

func testsOf(t *testing.T, dir string) string {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(source)
	}
	return all.String()
}
