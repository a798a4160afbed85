use strict;
use warnings;

# Where the leases are: in Kea's own file, or in a database, and how they get from one to the other.
#
# A note beside the file says which of the two has them, whatever the configuration says: Kea begins with another one
# only when all leases are there. While a database has them the file is a copy that follows each change: it is what a
# backup takes, what a database that was lost begins with, and what Kea begins with when its module went at one stroke,
# as in a rollback.
#
# Text of clients goes to the database as hexadecimal literals alone, and comes from there as such: whatever a client
# calls itself, no part of it is ever SQL, nor a line or a column of the file.

our $LOCAL = '/run/kea-local';
my $FOLDER = '/var/lib/kea';
my $FILE = "$FOLDER/kea-leases4.csv";
my $NOTE = "$FOLDER/kept-in";
my $PASSWORD = '/etc/kea/database/leases';
my $ACCOUNT = 'leases';
my $CLIENT = "$LOCAL/client.cnf";

# Columns of Kea's lease file, version 3.0 of its format.
my @COLUMNS = qw(address hwaddr client_id valid_lifetime expire subnet_id fqdn_fwd fqdn_rev hostname state user_context
    pool_id);
# All leases as the database has them, in that order; UNIX_TIMESTAMP knows the time zone that the column is in.
my $QUERY = 'SELECT INET_NTOA(address), HEX(hwaddr), HEX(client_id), valid_lifetime, UNIX_TIMESTAMP(expire), subnet_id, '
    . 'IFNULL(fqdn_fwd, 0), IFNULL(fqdn_rev, 0), HEX(hostname), state, HEX(user_context), IFNULL(pool_id, 0) '
    . 'FROM lease4 ORDER BY address';
# How long Kea's own file waits for the database that had the leases, in seconds: then the copy will do.
my $PATIENCE = 30;
# What the column `expire` can hold, and Kea too: 2038-01-19.
my $LAST_SECOND = 2**31 - 1;

# Makes sure that the leases are in 'mariadb' or 'memfile'. A database that shall have them is waited for, however long
# that is; one that had them only for a while.
sub settle_leases {
    my ($wanted) = @_;
    my $kept = -e $NOTE ? first_line($NOTE) : 'memfile';
    if ($wanted eq 'mariadb') {
        await_database();
        my $empty = prepare_schema();
        if (($empty || $kept ne 'mariadb') && -e $FILE) {
            my $count = import_leases();
            say_line("took $count leases from the file into the database");
            copy_leases(ask($QUERY));
        }
    } elsif ($kept eq 'mariadb') {
        # A database without tables is another one than that which had the leases: the copy is all there is.
        if (await_database($PATIENCE) && grep { $_ eq 'lease4' } tables()) {
            copy_leases(ask($QUERY));
            say_line('took the leases from the database into the file');
        } else {
            say_line('begins with the copy of the leases: the database that has them is not here');
        }
    }
    return if $kept eq $wanted;
    remove_side_files();
    $wanted eq 'memfile' ? unlink $NOTE : put_safely($NOTE, "$wanted\n");
}

# Waits until the database answers, for this many seconds or without an end, and says so from time to time.
sub await_database {
    my ($seconds) = @_;
    # Without its folder no module provides one.
    return 0 if defined $seconds && !-d '/etc/kea/database';
    my ($begun, $said) = (time, 0);
    for (;;) {
        my $why = eval { write_client(); ask('DO 1'); 1 } ? return 1 : $@;
        return 0 if defined $seconds && time - $begun >= $seconds;
        if (time - $said >= 60) {
            print STDERR "waits for the database of the leases: $why";
            $said = time;
        }
        sleep 1;
    }
}

# A process that keeps the copy for as long as the container lives. It looks each second, and less often where there are
# so many leases that writing them all at each change would wear the disk.
sub keep_copy {
    my $pid = fork // die "fork: $!\n";
    return if $pid;
    $SIG{TERM} = 'DEFAULT';
    $SIG{PIPE} = 'IGNORE';
    # Each second of an outage, the client would say the same.
    open STDERR, '>', '/dev/null' or die "/dev/null: $!\n";
    for (;;) {
        eval { follow_leases() };
        sleep 1;
        1 while waitpid(-1, 1) > 0;    # WNOHANG
    }
}

# Copies the leases over one connection, until that ends.
sub follow_leases {
    require IPC::Open2;
    IPC::Open2::open2(my $from, my $to, client(), '--unbuffered');
    $to->autoflush(1);
    for (;;) {
        my @rows;
        my $whole = print $to "$QUERY;\nSELECT 'whole';\n";
        while ($whole) {
            my $row = <$from>;
            chomp $row if $whole = defined $row;
            last if !$whole || $row eq 'whole';
            push @rows, $row;
        }
        last if !$whole;
        copy_leases(@rows);
        select undef, undef, undef, @rows > 100 ? @rows / 100 : 1;
    }
}

# Kea's tables as this Kea wants them; true when they are new and empty.
sub prepare_schema {
    my ($wanted) = map { /MySQL backend (\d+\.\d+)/ ? $1 : () } `kea-dhcp4 -V`;
    defined $wanted or die "kea-dhcp4 -V does not say which tables it wants\n";
    my %has = map { $_ => 1 } tables();
    # Our own table comes last: without it, whoever made the others was interrupted.
    if (!$has{sekisho_ready}) {
        make_schema();
        return 1;
    }
    my ($version) = ask("SELECT CONCAT(version, '.', minor) FROM schema_version");
    return 0 if $version eq $wanted;
    # Made of what the database has now, before anything of it changes.
    copy_leases(ask($QUERY));
    my $newer = sprintf('%05d%05d', split /\./, $version) gt sprintf('%05d%05d', split /\./, $wanted);
    if (!$newer) {
        say_line("brings the database from version $version to $wanted");
        admin('db-upgrade');
        my ($now) = ask("SELECT CONCAT(version, '.', minor) FROM schema_version");
        return 0 if $now eq $wanted;
    }
    say_line("makes the database of version $version anew as $wanted");
    make_schema();
    return 1;
}

sub make_schema {
    ask("DROP DATABASE $ACCOUNT; CREATE DATABASE $ACCOUNT CHARACTER SET utf8mb4");
    admin('db-init') == 0 or die "kea-admin could not make its tables\n";
    ask('CREATE TABLE sekisho_ready (id INT PRIMARY KEY)');
}

sub tables { return ask('SHOW TABLES') }

# kea-admin's output is long, and matters when it fails. Its client is mysql.sh, which knows the account.
sub admin {
    my ($command) = @_;
    open my $pipe, '-|', "kea-admin $command mysql -u $ACCOUNT -p none -n $ACCOUNT 2>&1 </dev/null"
        or die "kea-admin: $!\n";
    my @said = <$pipe>;
    close $pipe;
    print STDERR @said if $?;
    return $?;
}

# Writes these rows of the database into the file, as Kea itself would. Does nothing when that is there already.
sub copy_leases {
    my @lines = (join(',', @COLUMNS) . "\n");
    for my $row (@_) {
        my @values = map { $_ eq 'NULL' ? '' : $_ } split /\t/, $row, -1;
        @values[1, 2] = map { lc join ':', /../g } @values[1, 2];
        @values[8, 10] = map { escape(pack 'H*', $_) } @values[8, 10];
        push @lines, join(',', @values) . "\n";
    }
    my $text = join '', @lines;
    put_safely($FILE, $text) if !-e $FILE || get($FILE) ne $text;
}

# Puts the leases of the file into the database, in place of what is there; returns how many.
sub import_leases {
    my %leases = read_leases();
    my @rows = map { row($leases{$_}) } sort keys %leases;
    my @sql = ("SET time_zone = '+00:00';\nSET NAMES utf8mb4;\nSTART TRANSACTION;\nDELETE FROM lease4;\n");
    while (my @part = splice @rows, 0, 500) {
        push @sql, 'INSERT INTO lease4 (' . join(', ', @COLUMNS) . ") VALUES\n" . join(",\n", @part) . ";\n";
    }
    # A client that gave up is told by its code.
    local $SIG{PIPE} = 'IGNORE';
    open my $pipe, '|-', client() or die "mariadb: $!\n";
    print $pipe @sql, "COMMIT;\n";
    close $pipe or die "the leases of the file could not be put into the database\n";
    return scalar keys %leases;
}

# The leases of Kea's files by address. They are journals: what comes later counts, and a lifetime of 0 is a lease that
# is gone. What the cleaning-up process wrote or left comes before the file itself.
sub read_leases {
    my %leases;
    my @before = -e "$FILE.completed" ? "$FILE.completed" : ("$FILE.2", "$FILE.1");
    for my $path (grep { -e $_ } @before, $FILE) {
        open my $file, '<', $path or die "$path: $!\n";
        my $header = <$file> // '';
        chomp $header;
        my @names = split /,/, $header;
        while (my $line = <$file>) {
            # A line without an end was not written whole, and nobody was told of that lease.
            chomp $line or last;
            my %lease;
            @lease{@names} = map { unescape($_) } split /,/, $line, -1;
            if (!is_lease(\%lease)) {
                print STDERR "$path: line $. is no lease\n";
            } elsif ($lease{valid_lifetime} == 0) {
                delete $leases{$lease{address}};
            } else {
                $leases{$lease{address}} = \%lease;
            }
        }
    }
    return %leases;
}

sub is_lease {
    my ($lease) = @_;
    for (qw(valid_lifetime expire subnet_id fqdn_fwd fqdn_rev state)) {
        return 0 if ($lease->{$_} // '') !~ /\A\d{1,12}\z/a;
    }
    # Older files have no pools and no context.
    $lease->{pool_id} = 0 if ($lease->{pool_id} // '') !~ /\A\d{1,10}\z/a;
    $lease->{$_} //= '' for qw(hwaddr client_id hostname user_context);
    for (qw(hwaddr client_id)) { return 0 if $lease->{$_} !~ /\A([0-9a-f]{2}(:[0-9a-f]{2})*)?\z/ai }
    my @octets = ($lease->{address} // '') =~ /\A(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\z/a;
    return @octets == 4 && !grep { $_ > 255 } @octets;
}

sub row {
    my ($lease) = @_;
    my %sql = map { $_ => $lease->{$_} } qw(valid_lifetime subnet_id fqdn_fwd fqdn_rev state pool_id);
    $sql{address} = "INET_ATON('$lease->{address}')";
    $sql{expire} = 'FROM_UNIXTIME(' . ($lease->{expire} > $LAST_SECOND ? $LAST_SECOND : $lease->{expire}) . ')';
    for (qw(hwaddr client_id)) {
        my $hex = $lease->{$_} =~ tr/://dr;
        $sql{$_} = $hex eq '' ? 'NULL' : "X'$hex'";
    }
    $sql{hostname} = literal(substr $lease->{hostname}, 0, 255);
    $sql{user_context} = $lease->{user_context} eq '' ? 'NULL' : literal($lease->{user_context});
    return '(' . join(', ', map { $sql{$_} } @COLUMNS) . ')';
}

# Bytes as SQL. What is not UTF-8 cannot be in a column of text.
sub literal {
    my ($bytes) = @_;
    my $copy = $bytes;
    $bytes =~ s/[^\x20-\x7e]/-/g if !utf8::decode($copy);
    return "X'" . unpack('H*', $bytes) . "'";
}

# Kea writes a byte that its files cannot hold as "&#x2c", and so the beginning of such a sequence itself.
sub escape {
    my ($text) = @_;
    return $text =~ s/([,\x00-\x1f\x7f]|&(?=#x))/sprintf '&#x%02x', ord $1/ger;
}

sub unescape {
    my ($text) = @_;
    return $text =~ s/&#x([0-9a-f]{2})/chr hex $1/geir;
}

# What Kea's cleaning-up process leaves beside the file: Kea would read it with the file.
sub remove_side_files { unlink map { "$FILE.$_" } qw(1 2 output completed pid) }

# Lines that the database answers, without their ends. Dies with its words when it refuses.
sub ask {
    my ($sql) = @_;
    my $errors = "$LOCAL/client.err";
    my $pid = open my $pipe, '-|' // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>', $errors;
        exec client(), '--execute', $sql or exit 127;
    }
    local $SIG{__DIE__} = sub { kill 'KILL', $pid };
    my @lines = <$pipe>;
    close $pipe or die get($errors) || "the client of the database ended with code @{[$? >> 8]}\n";
    chomp @lines;
    return @lines;
}

sub client { return ('mariadb', "--defaults-file=$CLIENT", '--batch', '--skip-column-names', '--raw') }

# The client's account, and Kea's password as JSON. Its maker writes hexadecimal digits and nothing else.
sub write_client {
    my $password = first_line($PASSWORD);
    $password =~ /\A[0-9a-f]+\z/ or die "$PASSWORD holds no password\n";
    put("$LOCAL/password.json", qq("$password"\n));
    put($CLIENT, "[client]\nuser=$ACCOUNT\npassword=$password\ndatabase=$ACCOUNT\nconnect-timeout=3\n");
}

sub say_line { print STDERR "@_\n" }

sub first_line {
    my ($text) = split /\n/, get($_[0]);
    return $text // '';
}

sub get {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return scalar(<$file>) // '';
}

sub put {
    my ($path, @text) = @_;
    open my $file, '>', $path or die "$path: $!\n";
    print $file @text;
    close $file or die "$path: $!\n";
}

# In one step, and on the disk: after a power cut there is the old text or the new one.
sub put_safely {
    my ($path, $text) = @_;
    put("$path.new", $text);
    system('sync', "$path.new") == 0 or die "sync $path.new failed\n";
    rename "$path.new", $path or die "$path: $!\n";
    system('sync', $FOLDER) == 0 or die "sync $FOLDER failed\n";
}

1;
