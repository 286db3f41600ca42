#!/bin/sh
# Starts one Kafka node (KRaft) with SCRAM users and ACLs from its first start. For the kafka service of docker-compose.yml.
# The data appear whole, by a rename, or not at all; passwords stand in files of mode 600, never in a process list.
set -eu
umask 077

kafka=${KAFKA_DIR:-/opt/kafka}
data=${KAFKA_DATA:-/var/lib/kafka/data}
run=${KAFKA_RUN:-/tmp/kafka}
inside=${KAFKA_INSIDE:-kafka:9092}
outside=${KAFKA_OUTSIDE:-127.0.0.1:${KAFKA_PORT:-9092}}
listen=${KAFKA_LISTEN:-INSIDE://0.0.0.0:9092,OUTSIDE://0.0.0.0:9094,CONTROLLER://127.0.0.1:9093}
quorum=${KAFKA_QUORUM:-1@127.0.0.1:9093}
scram=org.apache.kafka.common.security.scram.ScramLoginModule
plain=org.apache.kafka.common.security.plain.PlainLoginModule
bureau="worker connect ledger serve replay"

word() {
    # The value of a password variable; letters, digits, - and _ only, for it is written into property files.
    eval "value=\${$1:-}"
    case $value in
        '' | *[!A-Za-z0-9_-]*)
            echo "✗ $1 为空或含有字母、数字、-、_ 以外的字符 / $1 is empty or has other characters than letters, digits, - and _" >&2
            echo "  → 执行 sh deploy/new-env.sh 生成 .env / sh deploy/new-env.sh makes a .env" >&2
            exit 1 ;;
    esac
    printf '%s' "$value"
}

properties() {
    # $1: the directory of the data. Two listeners, both SCRAM: for the containers, and for this machine.
    admin=$(word ADMIN_PASSWORD)
    controller=$(word CONTROLLER_PASSWORD)
    cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=$quorum
log.dirs=$1
listeners=$listen
advertised.listeners=INSIDE://$inside,OUTSIDE://$outside
controller.listener.names=CONTROLLER
inter.broker.listener.name=INSIDE
listener.security.protocol.map=INSIDE:SASL_PLAINTEXT,OUTSIDE:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.inside.scram-sha-512.sasl.jaas.config=$scram required username="admin" password="$admin";
listener.name.outside.scram-sha-512.sasl.jaas.config=$scram required username="admin" password="$admin";
listener.name.controller.plain.sasl.jaas.config=$plain required username="admin" password="$controller" user_admin="$controller";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
allow.everyone.if.no.acl.found=false
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
offsets.retention.minutes=525600
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
message.max.bytes=4194304
PROPERTIES
}

format() {
    # One argument a line in a file, so that no password is seen in the list of processes.
    rm -rf "$data/new"
    properties "$data/new" > "$run/format.properties"
    {
        printf 'format\n--cluster-id\n%s\n--config\n%s\n' "$("$kafka/bin/kafka-storage.sh" random-uuid)" "$run/format.properties"
        for user in admin $bureau; do
            name=$(printf '%s_PASSWORD' "$user" | tr '[:lower:]' '[:upper:]')
            password=$(word "$name")
            printf -- '--add-scram\nSCRAM-SHA-512=[name=%s,password=%s]\n' "$user" "$password"
        done
    } > "$run/format.arguments"
    "$kafka/bin/kafka-storage.sh" "@$run/format.arguments"
    rm -f "$run/format.arguments" "$run/format.properties"
    mv "$data/new" "$data/log"
}

mkdir -p "$run"
[ -d "$data/log" ] || format
properties "$data/log" > "$run/server.properties"
# What the health check logs in with.
cat > "$run/client.properties" <<PROPERTIES
security.protocol=SASL_PLAINTEXT
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=$scram required username="admin" password="$(word ADMIN_PASSWORD)";
PROPERTIES
exec "$kafka/bin/kafka-server-start.sh" "$run/server.properties"
