#!/usr/bin/perl
# Sends records by the Forward protocol, one a message, and prints the number of each that was acknowledged.
# usage: forward-sender.pl WORD
use strict;
use warnings;
use IO::Socket::INET;

my ($word) = @ARGV;
$| = 1;
sub str { my ($text) = @_; return pack('C n/a', 0xda, $text) }
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 24224) or die "connect: $!";
for (my $i = 0; ; $i++) {
    my %record = (container_id => '0' x 64, container_name => '/powercut', source => 'stdout', log => "$word $i.");
    my $entry = "\x92" . pack('C N', 0xce, time) . pack('C', 0x80 | keys %record)
        . join '', map { str($_) . str($record{$_}) } sort keys %record;
    # [tag, [[time, record]], { chunk: id }] is answered by { ack: id }.
    my $id = sprintf 'chunk%08d', $i;
    $socket->print("\x93" . str('powercut') . "\x91" . $entry . "\x81" . str('chunk') . str($id));
    $socket->flush;
    my $answer = '';
    until ($answer =~ /\Q$id\E/) { sysread($socket, $answer, 4096, length $answer) or die 'the recorder went away' }
    print "acked $i\n";
}
