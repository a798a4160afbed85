#!/usr/bin/perl
# health.pl DOMAIN: asks our resolver over UDP for the SOA record of its local domain (RFC 1035 section 4).
#
# It also looks for a step of the clock, as after a boot with a wrong one. What unbound learnt before is dated by
# the old clock: set back by a year, it would keep its "signature expired" for that year. Then all of it goes.
use strict;
use warnings;
use IO::Socket::INET;

my ($domain) = @ARGV;
my $noted = '/run/unbound-local/clock';
my $tolerance = 60;    # seconds; slewing moves the clock by less between two checks

$SIG{ALRM} = sub { die "no answer\n" };
alarm 4;

# The time at which the machine booted, as the clock of now sees it.
my ($uptime) = split ' ', get('/proc/uptime');
my $boot = time - $uptime;
my $before = -e $noted ? get($noted) : $boot;
if (abs($boot - $before) > $tolerance) {
    print "the clock was set by @{[int($boot - $before)]} s: forgetting all answers\n";
    for (['flush_zone', '.'], ['flush_infra', 'all']) {
        system('unbound-control', '-q', @$_) == 0 or die "unbound-control @$_ failed\n";
    }
}
put($noted, $boot);

my $id = int rand 65536;
my $question = join('', map { pack 'C/a*', $_ } split /\./, $domain) . pack 'C n n', 0, 6, 1;
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 53, Proto => 'udp') or die "socket: $!\n";
$socket->send(pack('n6', $id, 0x0100, 1, 0, 0, 0) . $question) or die "send: $!\n";
defined $socket->recv(my $answer, 1232) or die "recv: $!\n";
my ($got, $flags, undef, $answers) = unpack 'n4', $answer . "\0" x 8;
die sprintf "bad answer: flags %04x, %d records\n", $flags, $answers
    if $got != $id || !($flags & 0x8000) || $flags & 0x000f || $answers < 1;

sub get {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    return scalar <$file>;
}

sub put {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!\n";
    print $file $text;
    close $file or die "$path: $!\n";
}
