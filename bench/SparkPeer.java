import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.posexplode;
import static org.apache.spark.sql.functions.timestamp_micros;
import static org.apache.spark.sql.functions.to_date;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryProgress;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.StructType;

/** Spark as it is used: a Kafka topic of JSON batches, by Structured Streaming into a Delta table; see spark.py.
 *
 * Arguments: bootstrap servers, topic. Each line of standard input has the records of a micro-batch and the folder of a
 * new table; the answer is one line, the seconds that micro-batches took, the start of the query left out. */
public class SparkPeer {
    private static final String BATCH = "lane string, seq long, contract_version string, received_at long, readings "
        + "array<struct<site:string,equipment_id:string,signal:string,ts:long,value:double,text:string,quality:long>>";

    public static void main(String[] arguments) throws Exception {
        SparkSession spark = SparkSession.builder().master("local[2]").appName("peer")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.session.timeZone", "UTC")
            // Made for clusters, the defaults (200, 50) would cost it many small tasks a commit.
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.databricks.delta.snapshotPartitions", "2")
            .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
            .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
            .getOrCreate();
        System.out.println("ready");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = input.readLine()) != null;) {
            String records = line.split(" ", 2)[0], table = line.split(" ", 2)[1];
            StreamingQuery query = readings(spark, arguments, records).writeStream().format("delta").partitionBy("date")
                .option("checkpointLocation", table + "-checkpoint").trigger(Trigger.AvailableNow()).start(table);
            query.awaitTermination();
            long milliseconds = 0;
            for (StreamingQueryProgress batch : query.recentProgress()) {
                milliseconds += batch.batchDuration();
            }
            System.out.println(milliseconds / 1000.0);
        }
        spark.stop();
    }

    /** The columns of bronze. */
    private static Dataset<Row> readings(SparkSession spark, String[] arguments, String records) {
        return spark.readStream().format("kafka")
            .option("kafka.bootstrap.servers", arguments[0])
            .option("subscribe", arguments[1])
            .option("startingOffsets", "earliest")
            .option("maxOffsetsPerTrigger", records)
            .load()
            .select(from_json(col("value").cast("string"), StructType.fromDDL(BATCH)).as("batch"))
            .select(
                col("batch.lane"), col("batch.seq"), col("batch.contract_version"),
                timestamp_micros(col("batch.received_at")).as("received_at"),
                posexplode(col("batch.readings")).as(new String[] {"row_no", "reading"}))
            .select("reading.*", "lane", "seq", "row_no", "contract_version", "received_at")
            .withColumn("ts", timestamp_micros(col("ts")))
            .withColumn("date", to_date(col("ts")));
    }
}
