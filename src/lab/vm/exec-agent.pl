#!/usr/bin/perl
# Runs commands that come through the machine's virtio-serial ports `lab.exec.*`, one at a time on each, so that the
# lab reaches its machine without a network. exec-client.ts is the other end; both speak frames of a letter, the
# payload's length in 4 bytes and the payload:
#   to us    R argument vector, each word ended by NUL; I standard input; E its end; S a signal's name
#   from us  O standard output; F standard error; X the exit code in decimal
# A session begins with HELLO and 16 bytes of the client's choice, which come back: whatever an earlier client left in
# the port is skipped by that, on both sides.
use strict;
use warnings;
use Fcntl qw(F_GETFL F_SETFL F_SETOWN O_ASYNC O_NONBLOCK O_RDWR);
use POSIX ();

use constant HELLO => "sekisho-lab-exec";
use constant MOST  => 65536;

my @paths = wait_for_ports();
my %ports;      # path => its open file, while nobody uses it
my %sessions;   # process => path
$SIG{PIPE} = 'IGNORE';
# The kernel says when something comes (SIGIO), and when a session ends.
pipe(my $woken, my $wake) or die "pipe: $!";
for my $end ($woken, $wake) { fcntl($end, F_SETFL, O_NONBLOCK) or die "fcntl: $!" }
$SIG{IO} = $SIG{CHLD} = sub { syswrite($wake, '.') };

while (1) {
    while ((my $pid = waitpid(-1, POSIX::WNOHANG())) > 0) { delete $sessions{$pid} }
    my %busy = map { $_ => 1 } values %sessions;
    for my $path (@paths) { open_port($path) unless $ports{$path} || $busy{$path} }
    for my $path (keys %ports) { begin($path) }
    my $ready = '';
    vec($ready, fileno($woken), 1) = 1;
    # What came between the look at a port and its signal waits for no more than this.
    select($ready, undef, undef, 10);
    sysread($woken, my $dots, 4096);
}

# All of them are there from the start, and the kernel's driver finds them in a moment.
sub wait_for_ports {
    while (1) {
        my ($count, @found) = (0);
        for my $file (glob '/sys/class/virtio-ports/*/name') {
            open(my $in, '<', $file) or next;
            my ($name, $device) = (scalar <$in> // '', $file =~ m{/(vport\w+)/name$});
            push @found, "/dev/$device" if $name =~ /^lab\.exec\.\d+ of (\d+)$/ && ($count = $1);
        }
        return @found if $count && @found == $count;
        select(undef, undef, undef, 0.1);
    }
}

sub open_port {
    my ($path) = @_;
    sysopen(my $port, $path, O_RDWR | O_NONBLOCK) or return;
    fcntl($port, F_SETOWN, $$);
    fcntl($port, F_SETFL, O_NONBLOCK | O_ASYNC) or return;
    $ports{$path} = $port;
}

# Hands a port on which someone speaks to a process of its own.
sub begin {
    my ($path) = @_;
    my $count = sysread($ports{$path}, my $first, MOST);
    return unless $count;
    my $pid = fork();
    return unless defined $pid;
    if ($pid == 0) {
        $SIG{IO} = $SIG{CHLD} = 'DEFAULT';
        my $port = $ports{$path};
        fcntl($port, F_SETFL, O_NONBLOCK);
        # The others are the parent's.
        for my $other (values %ports) { close($other) if $other != $port }
        eval { serve($port, $first); 1 } or print STDERR $@;
        POSIX::_exit(0);
    }
    $sessions{$pid} = $path;
    # The last to close it tells the kernel to forget what was not read.
    close(delete $ports{$path});
}

sub serve {
    my ($port, $seen) = @_;
    my $greeting = '';    # of the client that we serve
    my ($child, $in, %from, $input, $input_ends);
    while (1) {
        # What was read of the port, piece by piece.
        while (1) {
            my $at = $greeting eq '' ? index($seen, HELLO) : index(substr($seen, 0, length HELLO), HELLO);
            if ($at >= 0) {
                last if length($seen) < $at + length(HELLO) + 16;
                my $hello = substr($seen, $at, length(HELLO) + 16);
                $seen = substr($seen, $at + length $hello);
                next if $hello eq $greeting;
                gone($child);
                ($child, $in, $input, $input_ends) = (undef, undef, '', 0);
                %from     = ();
                $greeting = $hello;
                send_all($port, $hello);
                next;
            }
            last if $greeting eq '' || length($seen) < 5;
            my ($kind, $length) = unpack('aN', $seen);
            # The beginning of another greeting.
            last if $kind eq substr(HELLO, 0, 1) && length($seen) < length HELLO;
            last if length($seen) < 5 + $length;
            my $payload = substr($seen, 5, $length);
            $seen = substr($seen, 5 + $length);
            if ($kind eq 'R' && !$child) {
                ($child, $in, my $out, my $err) = start(split(/\0/, $payload, -1));
                %from = (O => $out, F => $err);
            }
            elsif ($kind eq 'I') { $input .= $payload if $in }
            elsif ($kind eq 'E') { $input_ends = 1 }
            elsif ($kind eq 'S' && $child) { kill($payload, -$child) }
        }
        if ($in && $input_ends && $input eq '') { close($in); undef $in }
        if ($child && !%from) {
            waitpid($child, 0);
            my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
            send_all($port, frame('X', $code));
            # The client closes when it has read that: to close before would drop what is under way.
            ($child, $in, $greeting) = (undef, undef, '');
        }
        my ($readable, $writable) = ('', '');
        # A command that does not read its input makes the sender wait.
        vec($readable, fileno($port), 1) = 1 unless $child && length($input) > 1 << 20;
        vec($readable, fileno($_), 1) = 1 for values %from;
        vec($writable, fileno($in), 1) = 1 if $in && $input ne '';
        my $ready = select($readable, $writable, undef, $greeting eq '' ? 5 : undef);
        return if $ready == 0;
        next if $ready < 0;
        if (vec($readable, fileno($port), 1)) {
            my $count = sysread($port, $seen, MOST, length $seen);
            return gone($child) if defined $count && $count == 0;
        }
        for my $kind (keys %from) {
            next unless vec($readable, fileno($from{$kind}), 1);
            my $count = sysread($from{$kind}, my $bytes, MOST);
            if ($count) { send_all($port, frame($kind, $bytes)) or return gone($child) }
            elsif (defined $count) { close(delete $from{$kind}) }
        }
        if ($in && vec($writable, fileno($in), 1)) {
            my $count = syswrite($in, $input);
            if (defined $count) { $input = substr($input, $count) }
            elsif (!$!{EAGAIN} && !$!{EINTR}) { close($in); undef $in; $input = '' }
        }
    }
}

# Who asked is gone: so is the command.
sub gone {
    my ($child) = @_;
    kill('KILL', -$child) if $child;
}

sub start {
    my @argv = @_;
    pop @argv;    # after the last NUL there is nothing
    pipe(my $in_read, my $in_write) or die "pipe: $!";
    pipe(my $out_read, my $out_write) or die "pipe: $!";
    pipe(my $err_read, my $err_write) or die "pipe: $!";
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        POSIX::setsid();
        $SIG{PIPE} = 'DEFAULT';
        POSIX::dup2(fileno($in_read), 0);
        POSIX::dup2(fileno($out_write), 1);
        POSIX::dup2(fileno($err_write), 2);
        POSIX::close($_) for 3 .. 255;
        no warnings 'exec';
        exec { $argv[0] } @argv;
        my $said = "$argv[0]: $!\n";
        POSIX::write(2, $said, length $said);
        POSIX::_exit(127);
    }
    fcntl($in_write, F_SETFL, O_NONBLOCK);
    return ($pid, $in_write, $out_read, $err_read);
}

sub frame { my ($kind, $bytes) = @_; return pack('aN', $kind, length $bytes) . $bytes }

# Writes all of it, waiting where the port is full; false when the other end is gone.
sub send_all {
    my ($port, $bytes) = @_;
    while ($bytes ne '') {
        my $count = syswrite($port, $bytes, 4096);
        if (defined $count) { $bytes = substr($bytes, $count); next }
        return 0 unless $!{EAGAIN} || $!{EINTR};
        my $ready = '';
        vec($ready, fileno($port), 1) = 1;
        select(undef, $ready, undef, 1);
    }
    return 1;
}
