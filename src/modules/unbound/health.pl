#!/usr/bin/perl
# health.pl DOMAIN: asks our resolver over UDP for the SOA record of its local domain (RFC 1035 section 4).
use strict;
use warnings;
use IO::Socket::INET;

my ($domain) = @ARGV;
my $id = int rand 65536;
my $question = join('', map { pack 'C/a*', $_ } split /\./, $domain) . pack 'C n n', 0, 6, 1;

$SIG{ALRM} = sub { die "no answer\n" };
alarm 4;
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 53, Proto => 'udp') or die "socket: $!\n";
$socket->send(pack('n6', $id, 0x0100, 1, 0, 0, 0) . $question) or die "send: $!\n";
defined $socket->recv(my $answer, 1232) or die "recv: $!\n";
my ($got, $flags, undef, $answers) = unpack 'n4', $answer . "\0" x 8;
die sprintf "bad answer: flags %04x, %d records\n", $flags, $answers
    if $got != $id || !($flags & 0x8000) || $flags & 0x000f || $answers < 1;
